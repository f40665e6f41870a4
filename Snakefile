"""Predicting coronary CT angiography findings from the resting ECG: the study in workflow/Snakefile."""


include: "workflow/Snakefile"


# An included file does not say what is made where nothing is asked for.
workflow.default_target = "all"
