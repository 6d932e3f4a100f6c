"""Personal data that can be told from all other text, and where in a database it stands."""

import psycopg
from psycopg import sql

# In lower case, as e-mails are kept.
MARK = "zzyzx"
MARKED = {
    "name": f"{MARK} person",
    "line1": f"{MARK} street 1",
    "line2": f"{MARK} floor",
    "city": f"{MARK} city",
    "region": "CA",
    "postal_code": "94601",
    "country": "US",
}


async def holding(dsn: str, wanted: str) -> set[str]:
    """The columns of any table, of text, JSON or bytes, in which the text stands."""
    readable = "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'public'"
    kinds = " AND data_type IN ('text', 'character varying', 'json', 'jsonb', 'bytea', 'ARRAY')"
    found: set[str] = set()
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        columns = await (await connection.execute((readable + kinds).encode())).fetchall()
        for table, column, kind in columns:
            text = sql.SQL("encode({}, 'escape')" if kind == "bytea" else "{}::text").format(sql.Identifier(column))
            query = sql.SQL("SELECT count(*) FROM {} WHERE {} ILIKE %s").format(sql.Identifier(table), text)
            [(count,)] = await (await connection.execute(query, (f"%{wanted}%",))).fetchall()
            if count:
                found.add(f"{table}.{column}")
    return found
