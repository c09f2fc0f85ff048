"""The invariants on a real store: what is stored is what folding gives, and nothing is lost, doubled or out of turn."""

import asyncio
import queue
import random
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar

import pytest
import redis

from tests.product import wait_until, webhook
from tests.refold import differences, outbox, refold
