"""From a row of the plan to rows of estimates."""
