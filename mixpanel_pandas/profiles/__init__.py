"""What Mixpanel holds: profiles and their properties as frames."""
