"""The verb `gate`: may a new network take an old one's place?"""
