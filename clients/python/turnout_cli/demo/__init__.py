"""The demonstration: a whole stack on this machine, real prompts, drills, and what came of them."""
