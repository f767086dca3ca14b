"""What ectwo can do, without the command line: plain functions over one region's client."""
