"""How far people are apart when they rate a text: the table in hitl/unsteady.py.

    python benchmarks/spread.py

From the individual ratings (-4 to 4, some nineteen a sentence) of the film and product reviews in
vaderSentiment's source distribution, which is downloaded with pip if it is not in the cache.
"""

from __future__ import annotations

import io
import math
import statistics
import tarfile

from hitl.corpora.download import sdist
from hitl.corpora.en import VADER
from hitl.unsteady import HUMAN_SPREAD

FILES = ("movieReviewSnippets", "amazonReviewSnippets")


def main() -> None:
    root = f"{VADER.name}-{VADER.version}"
    variances: list[list[float]] = [[] for _ in HUMAN_SPREAD]
    for file in FILES:
        for ratings in _ratings(root, file):
            unit = [(rating + 4) / 8 for rating in ratings]
            place = min(int(statistics.mean(unit) * len(variances)), len(variances) - 1)
            variances[place].append(statistics.variance(unit))
    for place, (here, shipped) in enumerate(zip(variances, HUMAN_SPREAD, strict=True)):
        low = place / len(variances)
        spread = math.sqrt(statistics.mean(here))
        print(f"mean from {low:.1f}: {spread:.3f} ({len(here)} texts), in hitl {shipped:.3f}")


def _ratings(root: str, file: str) -> list[list[int]]:
    """Individual ratings of each sentence that has at least five."""
    with tarfile.open(sdist(VADER)) as outer:
        member = outer.extractfile(f"{root}/additional_resources/hutto_ICWSM_2014.tar.gz")
        assert member is not None
        inner = io.BytesIO(member.read())
    with tarfile.open(fileobj=inner) as archive:
        member = archive.extractfile(f"hutto_ICWSM_2014/{file}_anonDataRatings.txt")
        assert member is not None
        lines = member.read().decode("utf-8", errors="replace").splitlines()
    rows = [line.split("\t") for line in lines]
    found = [[int(n) for n in row[3].strip("[] ").split(",")] for row in rows if len(row) >= 4]
    return [ratings for ratings in found if len(ratings) >= 5]


if __name__ == "__main__":
    main()
