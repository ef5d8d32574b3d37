"""The few seams between the parts, each with the guarantee that every implementation gives."""
