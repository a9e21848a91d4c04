"""Situations told in a few lines, each with the sentence that decides it. test_situations.py judges them."""
