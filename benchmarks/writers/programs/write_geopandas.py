"""Files that geopandas writes."""

from pathlib import Path

import geopandas
from common import make_files
from shapely.geometry import Point, box


def frame_of(texts: list[str]) -> geopandas.GeoDataFrame:
    points = [Point(i % 180, i % 90) for i in range(len(texts))]
    return geopandas.GeoDataFrame({"text": texts, "geometry": points}, crs="OGC:CRS84")


def wkb(path: Path, texts: list[str]) -> None:
    frame = frame_of(texts)
    frame["area"] = geopandas.GeoSeries([box(i, i, i + 1, i + 2) for i in range(len(texts))])
    frame.to_parquet(path, write_covering_bbox=True)


def geoarrow(path: Path, texts: list[str]) -> None:
    frame_of(texts).to_parquet(path, geometry_encoding="geoarrow", schema_version="1.1.0")


make_files(
    "geopandas",
    "geopandas",
    [
        ("bbox", "The `geo` key with the box of all rows, and a box column.", wkb),
        ("geoarrow", "Points as structs of numbers, under a `geo` key.", geoarrow),
    ],
)
