"""docs/claims.md has every section of the report, and names tables that exist."""

import re

from ecg_ccta.report.page import section_writers
from ecg_ccta.result_tables import SCHEMAS


def test_every_section_and_no_unknown_table_is_in_the_list_of_claims(root):
    text = (root / "docs" / "claims.md").read_text("utf-8")
    rows = re.findall(r"^\| (?!section|-)([^|]+) \| ([^|]+) \| ([^|]+) \|$", text, re.MULTILINE)
    listed = {name.strip() for sections, _, _ in rows for name in sections.split(",")}
    written = {writer.__name__ for writer in section_writers()}
    assert written
    assert written | {"abstract", "checklist"} == listed
    settings = {"high_risk_thresholds", "vessels", "follow_up.landmark_days"}
    tables = {name for _, _, source in rows for name in re.findall(r"`(\w+(?:\.landmark_days)?)`", source)} - settings
    assert tables <= set(SCHEMAS), tables - set(SCHEMAS)
