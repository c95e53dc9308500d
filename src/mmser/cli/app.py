"""`mmser app RUN`: a page to try a trained run in the browser."""

import argparse

from mmser.cli.options import add_recognizer, hide_loading_bars
from mmser.errors import CheckpointError, SettingsError


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to ``mmser``."""
    parser = subparsers.add_parser(
        "app",
        help="a page to try a trained run in the browser",
        description="Serve a page on which clips are uploaded, recorded or chosen, and answered. Nothing is "
        "kept on disk, nothing is sent elsewhere, and several visitors may use it at once. Stop it with "
        "Ctrl-C.",
    )
    add = parser.add_argument
    add("run", help="folder of a finished run, or its name on the Hub")
    add("--port", type=int, default=8501, help="port (default: %(default)s)")
    add(
        "--host",
        default="localhost",
        help="address to serve at; 0.0.0.0 lets other machines in, whose browsers give no microphone to "
        "pages without https (default: %(default)s)",
    )
    add("--no-browser", action="store_true", help="do not open the page in this machine's browser")
    add(
        "--max-upload-mb",
        type=int,
        default=100,
        metavar="N",
        help="largest file in megabytes (default: %(default)s)",
    )
    add(
        "--max-minutes",
        type=float,
        default=20,
        metavar="N",
        help="longest recording in minutes (default: %(default)s)",
    )
    add(
        "--samples",
        metavar="FOLDER",
        help="folder with clips to click (default: a few by eSpeak NG, where it is installed)",
    )
    add_recognizer(add)
    parser.set_defaults(run_command=run)


def run(arguments: argparse.Namespace) -> int:
    """Load the model, then serve."""
    try:
        import streamlit  # noqa: F401 - told here, before the model is loaded
    except ImportError as error:
        raise SettingsError(
            'The page is made by Streamlit, which is not installed: pip install "mmser[app]".'
        ) from error
    from mmser.app.answering import UploadLimits
    from mmser.app.equipment import AppSettings, load_equipment
    from mmser.app.serving import Address, check_address, serve

    settings = AppSettings(
        run=arguments.run,
        whisper=arguments.whisper,
        abstain_below=arguments.abstain_below,
        device=arguments.device,
        dtype=arguments.dtype,
        samples=arguments.samples,
        limits=UploadLimits(arguments.max_minutes, arguments.max_upload_mb),
    )
    address = Address(arguments.host, arguments.port)
    check_address(address)
    print(f"Loading {arguments.run} …", flush=True)
    hide_loading_bars()
    try:
        load_equipment(settings)
    except CheckpointError as error:
        raise SettingsError(str(error)) from error
    print(f"The page is at {address} (Ctrl-C stops it).", flush=True)
    if not address.is_local:
        warning = "Other machines reach it too; their browsers give no microphone to pages without https."
        print(warning, flush=True)
    serve(settings, address, opens_browser=not arguments.no_browser)
    return 0
