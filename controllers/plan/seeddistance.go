package plan

import (
	"maps"
	"math"
	"slices"
	"strings"
)

// site is a place on Earth, in degrees.
type site struct{ latitude, longitude float64 }

// sites are the places after which AWS names its regions, roughly: it does not tell where its
// data centers are, and nearness asks for no more.
// https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html
var sites = map[string]site{
	"af-south-1":     {-33.92, 18.42},  // Cape Town
	"ap-east-1":      {22.32, 114.17},  // Hong Kong
	"ap-east-2":      {25.03, 121.57},  // Taipei
	"ap-northeast-1": {35.68, 139.69},  // Tokyo
	"ap-northeast-2": {37.57, 126.98},  // Seoul
	"ap-northeast-3": {34.69, 135.50},  // Osaka
	"ap-south-1":     {19.08, 72.88},   // Mumbai
	"ap-south-2":     {17.39, 78.49},   // Hyderabad
	"ap-southeast-1": {1.35, 103.82},   // Singapore
	"ap-southeast-2": {-33.87, 151.21}, // Sydney
	"ap-southeast-3": {-6.21, 106.85},  // Jakarta
	"ap-southeast-4": {-37.81, 144.96}, // Melbourne
	"ap-southeast-5": {3.14, 101.69},   // Malaysia: Kuala Lumpur
	"ap-southeast-6": {-36.85, 174.76}, // New Zealand: Auckland
	"ap-southeast-7": {13.76, 100.50},  // Thailand: Bangkok
	"ca-central-1":   {45.50, -73.57},  // Canada (Central): Montreal
	"ca-west-1":      {51.05, -114.07}, // Calgary
	"cn-north-1":     {39.90, 116.41},  // Beijing
	"cn-northwest-1": {38.49, 106.23},  // Ningxia: Yinchuan
	"eu-central-1":   {50.11, 8.68},    // Frankfurt
	"eu-central-2":   {47.38, 8.54},    // Zurich
	"eu-north-1":     {59.33, 18.07},   // Stockholm
	"eu-south-1":     {45.46, 9.19},    // Milan
	"eu-south-2":     {41.65, -0.88},   // Spain: Zaragoza
	"eu-west-1":      {53.35, -6.26},   // Ireland: Dublin
	"eu-west-2":      {51.51, -0.13},   // London
	"eu-west-3":      {48.86, 2.35},    // Paris
	"il-central-1":   {32.09, 34.78},   // Tel Aviv
	"me-central-1":   {25.20, 55.27},   // United Arab Emirates: Dubai
	"me-south-1":     {26.23, 50.59},   // Bahrain: Manama
	"mx-central-1":   {20.59, -100.39}, // Mexico (Central): Querétaro
	"sa-east-1":      {-23.55, -46.63}, // São Paulo
	"us-east-1":      {39.04, -77.49},  // Northern Virginia: Ashburn
	"us-east-2":      {39.96, -83.00},  // Ohio: Columbus
	"us-gov-east-1":  {39.96, -83.00},  // Ohio
	"us-gov-west-1":  {45.84, -119.70}, // Oregon
	"us-west-1":      {37.77, -122.42}, // Northern California: San Francisco
	"us-west-2":      {45.84, -119.70}, // Oregon: Boardman
}

// siteOf returns where an AWS region lies. In the stead of one that is not known stands the
// first, by name, of those that share the most leading parts of its name; for one that shares
// none, the origin.
func siteOf(awsRegion string) site {
	if s, ok := sites[awsRegion]; ok {
		return s
	}
	known := slices.Sorted(maps.Keys(sites))
	parts := strings.Split(awsRegion, "-")
	for n := len(parts) - 1; n > 0; n-- {
		prefix := strings.Join(parts[:n], "-") + "-"
		if i := slices.IndexFunc(known, func(k string) bool { return strings.HasPrefix(k, prefix) }); i >= 0 {
			return sites[known[i]]
		}
	}
	return site{}
}

// point is a site as a vector of length one, which makes a distance of few multiplications.
type point [3]float64

func (s site) point() point {
	const degree = math.Pi / 180
	latitude, longitude := s.latitude*degree, s.longitude*degree
	return point{math.Cos(latitude) * math.Cos(longitude), math.Cos(latitude) * math.Sin(longitude), math.Sin(latitude)}
}

// kilometers is the great-circle distance, in whole ones: what processors round differently
// must not order seeds differently.
func kilometers(a, b point) int {
	const radius = 6371
	var square float64
	for i := range a {
		square += (a[i] - b[i]) * (a[i] - b[i])
	}
	return int(math.Round(2 * radius * math.Asin(min(1, math.Sqrt(square)/2))))
}
