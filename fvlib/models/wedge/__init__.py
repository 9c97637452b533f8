"""What a stepped wedge with few clusters needs: power, rejection rates, resampling."""
