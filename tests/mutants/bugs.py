"""All deliberate bugs, each by a name of its own."""

from tests.mutants.admitting import ADMITTING
from tests.mutants.asking import ASKING
from tests.mutants.changing import CHANGING
from tests.mutants.deciding import DECIDING
from tests.mutants.noticing import NOTICING
from tests.mutants.recording import RECORDING
from tests.mutants.selling import SELLING
from tests.mutants.shopping import SHOPPING
from tests.mutants.telling import TELLING
from tests.mutants.watching import WATCHING

BUGS = (*ASKING, *RECORDING, *DECIDING, *NOTICING, *WATCHING, *SELLING, *SHOPPING, *TELLING, *ADMITTING, *CHANGING)
