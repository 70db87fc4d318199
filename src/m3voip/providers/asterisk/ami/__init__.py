"""AMI through panoramisk: what queues, devices and mailboxes do, and control of queue members."""
