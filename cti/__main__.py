"""Entry of the console script ``ringdesk`` and of ``python -m cti``."""

from cti.cli import app


def main() -> None:
    """Run a command."""
    app()


if __name__ == "__main__":
    main()
