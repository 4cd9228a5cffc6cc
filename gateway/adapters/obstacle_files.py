"""Reads bot/obstacles.yml."""

from pathlib import Path

from gateway.adapters.content_files import read_yaml
from gateway.domain.obstacle import ObstacleKind, Obstacles


def read_obstacles(path: Path) -> Obstacles:
    """Every kind, in the order of the file."""
    raw = read_yaml(path)
    kinds = {}
    for name, about in raw["kinds"].items():
        codes = about.get("france_travail") or {}
        kinds[name] = ObstacleKind(
            id=name,
            says=about["says"],
            first=tuple(about["first"]),
            more=tuple(about.get("more") or ()),
            sensitive=bool(about.get("sensitive", False)),
            discreet=bool(about.get("discreet") or about.get("sensitive")),
            severity=bool(about.get("severity", True)),
            schemes=tuple(about["schemes"]),
            thematiques=tuple(about["thematiques"]),
            alerts=about.get("alerts") or {},
            contrainte=codes.get("contrainte", ""),
            situations=codes.get("situations") or {},
        )
    return Obstacles(kinds, str(raw["consent_version"]))
