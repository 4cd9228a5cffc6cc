"""The same service as in tests/web, and people who wish it harm."""

from tests.adapters.conftest import valkey
from tests.web.conftest import _standing, changes, read_once, service, standing, written

__all__ = ["_standing", "changes", "read_once", "service", "standing", "valkey", "written"]
