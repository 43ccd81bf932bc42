"""Entry point of ``cellenhance`` and ``python -m cellenhance``; nothing else lives here."""

from cellenhance.cli.app import main

if __name__ == "__main__":
    main()
