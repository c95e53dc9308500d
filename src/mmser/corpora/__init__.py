"""The table of corpora that mmser reads.  folder, names -> Clip rows"""
