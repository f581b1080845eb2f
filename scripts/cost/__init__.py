"""What a deployment costs: `make cost`. Prices and counts are data beside this file; all else is pure functions of them."""
