"""Speed, measured beside a floor in the same run on the same database: these machines are noisy, ratios are not."""
