"""The viewer: live video over WebRTC, with what the nodes have said drawn on its very frame."""
