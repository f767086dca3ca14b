"""What people and programs get to see. rich lives here and nowhere else; AWS is not known here."""
