"""Letters: the words of the emails, from facts about ended jobs. No network, no clock, no store."""
