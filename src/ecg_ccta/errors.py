"""The one exception that is a message to the user rather than a defect."""


class StudyError(Exception):
    """A fault that the user can fix: names the file, the column, the row and the fix; shown without a traceback."""
