#pragma once
#include <pcap.h>
