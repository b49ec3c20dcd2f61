package regional

import (
	"context"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Groups of principals whose access entries carry policies of EKS's.
const (
	// AdminViewGroup has the admin view policy.
	AdminViewGroup = "eks:admin-view"
	// NamespaceAdminGroup has the cluster admin policy, limited to namespaces.
	NamespaceAdminGroup = "eks:namespace-admin"
)

// adminView is to read everything.
var adminView = []rbacv1.PolicyRule{{
	APIGroups: []string{rbacv1.APIGroupAll},
	Resources: []string{rbacv1.ResourceAll},
	Verbs:     []string{"get", "list", "watch"},
}}

// namespaceAdmin is what AmazonEKSClusterAdminPolicy allows with pods. Everything else that it
// allows is left out until somebody needs it; its namespaces are not looked at.
var namespaceAdmin = []rbacv1.PolicyRule{
	{
		APIGroups: []string{""},
		Resources: []string{"pods"},
		Verbs:     []string{"get", "list", "watch", "create", "delete", "deletecollection", "patch", "update"},
	},
	{APIGroups: []string{""}, Resources: []string{"pods/eviction"}, Verbs: []string{"create"}},
}

// grantAccess does by RBAC what EKS's own authorizer does by access policies.
func (r *Region) grantAccess(ctx context.Context) error {
	if err := r.grant(ctx, AdminViewGroup, adminView); err != nil {
		return err
	}
	return r.grant(ctx, NamespaceAdminGroup, namespaceAdmin)
}

// grant gives a group its rights in the whole cluster.
func (r *Region) grant(ctx context.Context, group string, rules []rbacv1.PolicyRule) error {
	role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: group}, Rules: rules}
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: group},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: group},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: group}},
	}
	for _, object := range []client.Object{role, binding} {
		if err := r.direct.Create(ctx, object); err != nil && !apierrors.IsAlreadyExists(err) {
			return err
		}
	}
	return nil
}
