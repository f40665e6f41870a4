"""The one exception that is a message to the user rather than a defect."""


class StudyError(Exception):
    """Something the user can mend: names the file, the column, the row and the mend; shown without a traceback."""
