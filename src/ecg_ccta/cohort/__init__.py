"""From raw site tables to the included ECGs with targets, exclusions with reasons, Table 1."""
