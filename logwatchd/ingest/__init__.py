"""Log files -> blocks of whole lines, each with its place; nothing is lost and nothing read twice."""
