"""Was anybody evaluated who had trained?"""
