"""What goes with the conformance suite of `rails.conformance`: a house, the report, new rails."""
