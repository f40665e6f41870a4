"""How a p value is printed, in figures and in the report."""


def p_text(value: float) -> str:
    """Print two decimals, three below 0.1, and `< 0.001` below that."""
    return "< 0.001" if value < 0.001 else f"{value:.3f}" if value < 0.1 else f"{value:.2f}"


def p_equation(value: float) -> str:
    """Print `p = 0.012` or `p < 0.001`."""
    return f"p {p_text(value)}" if value < 0.001 else f"p = {p_text(value)}"
