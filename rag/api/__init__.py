"""What the API takes and gives, as pydantic models that service and client share."""
