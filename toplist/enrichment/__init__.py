"""What follows the lists: details and daily figures of single offers."""
