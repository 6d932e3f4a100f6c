"""`python -m cli` is `holdfast`."""

from cli.root import main

if __name__ == "__main__":
    main()
