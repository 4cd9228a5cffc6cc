"""The other side of ./run bench: the same model behind Rasa's own Twilio channel."""
