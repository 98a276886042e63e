"""What results look like: charts as SVG text. No register, no network, no browser."""
