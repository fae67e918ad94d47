"""What a scan shows of features: numbers, examples, pages, and files in other tools' formats. Plain data, which measures
nothing."""
