package aws

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// maxFilterValues is how many values EC2 takes in all filters of one call together
// (source: EC2 user guide, "List and filter your resources").
const maxFilterValues = 200

// paginator is what the SDK's paginators have in common.
type paginator[Page, Options any] interface {
	HasMorePages() bool
	NextPage(ctx context.Context, options ...func(*Options)) (Page, error)
}

// collect reads all pages of a list.
func collect[Page, Options, Item any](ctx context.Context, pages paginator[Page, Options], items func(Page) []Item) ([]Item, error) {
	var all []Item
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, classify(err)
		}
		all = append(all, items(page)...)
	}
	return all, nil
}

// filter narrows what EC2 lists to what has one of the values.
func filter(name string, values ...string) types.Filter {
	return types.Filter{Name: &name, Values: values}
}
