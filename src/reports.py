"""Serves the pages that analytics builds, from the first second on.

Run as `python src/reports.py`; SIGINT, SIGTERM or SIGHUP stops it.
"""

import logging

from pipeline.core.errors import OfficeError, exit_on_office_error
from pipeline.core.logs import configure_logging
from pipeline.core.settings import load_settings
from pipeline.operations.serving import serving
from pipeline.report.site import preparing_page
from utils.pipeline_utils import stop_on_signals

# In a container, where the port is opened to one machine alone.
EVERYWHERE = "0.0.0.0"  # noqa: S104

log = logging.getLogger("reports")


def main() -> int:
    """Runs until a signal comes."""
    settings = load_settings()
    configure_logging()
    stop = stop_on_signals()
    folder, port = settings.reports_folder, settings.reports_port
    with serving(folder, port, preparing=preparing_page(), address=EVERYWHERE) as pages:
        if not pages.endswith(f":{port}"):
            raise OfficeError(f"Port {port} is taken.")
        log.info("started", extra={"port": port})
        stop.wait()
    log.info("stopped")
    return 0


if __name__ == "__main__":
    exit_on_office_error(main)
