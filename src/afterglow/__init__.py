"""afterglow: perfusion MRI after radiotherapy, from scans to a call that shows its doubt.

Research software. Not a medical device; not for diagnosis or treatment decisions.
"""

__version__ = "0.1.0"
