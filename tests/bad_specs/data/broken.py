def good(shape, classes)
    return None
