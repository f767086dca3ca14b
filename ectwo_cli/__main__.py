"""``python -m ectwo_cli``."""

from ectwo_cli.main import run

if __name__ == "__main__":
    run()
