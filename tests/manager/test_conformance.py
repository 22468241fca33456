"""The running manager against its own description: generated requests, valid and not, and every answer checked."""

from __future__ import annotations
