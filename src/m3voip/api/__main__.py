"""``python -m m3voip.api > docs/reference/openapi.json``: the document without a running service."""

import json
import sys

from m3voip.api.app import bare_api

sys.stdout.write(json.dumps(bare_api().openapi(), indent=1, ensure_ascii=False) + "\n")
