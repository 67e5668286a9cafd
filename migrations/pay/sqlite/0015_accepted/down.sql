DROP INDEX visa_captures_accepted;
