package regional

import (
	"context"
	"errors"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// AdminViewGroup is of principals whose access entries carry EKS's admin view policy.
const AdminViewGroup = "eks:admin-view"

// namespaceAdmin names the role of those who have the cluster admin policy in some namespaces.
const namespaceAdmin = "eks:namespace-admin"

// NamespaceAdminGroup is of principals whose access entries carry EKS's cluster admin policy,
// limited to namespaces of which this is one.
func NamespaceAdminGroup(namespace string) string { return namespaceAdmin + ":" + namespace }

// accessRoles are what EKS's access policies allow
// (docs.aws.amazon.com/eks/latest/userguide/access-policy-permissions.html).
var accessRoles = map[string]rbacv1.PolicyRule{
	AdminViewGroup: {
		APIGroups: []string{rbacv1.APIGroupAll}, Resources: []string{rbacv1.ResourceAll}, Verbs: []string{"get", "list", "watch"},
	},
	// Bound in a namespace only, where it allows nothing that lies in no namespace.
	namespaceAdmin: {
		APIGroups: []string{rbacv1.APIGroupAll}, Resources: []string{rbacv1.ResourceAll}, Verbs: []string{rbacv1.VerbAll},
	},
}

// grantAccess does by RBAC what EKS's own authorizer does by access policies.
func (r *Region) grantAccess(ctx context.Context) error {
	for name, rule := range accessRoles {
		role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: []rbacv1.PolicyRule{rule}}
		if err := r.ensureCreated(ctx, role); err != nil {
			return err
		}
	}
	return r.ensureCreated(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: AdminViewGroup},
		RoleRef:    accessRole(AdminViewGroup),
		Subjects:   groupSubject(AdminViewGroup),
	})
}

// reconcileAccess binds in every namespace the role of its administrators, who may have been
// told by AWS before there was the namespace.
func (r *Region) reconcileAccess(ctx context.Context, _ *countdowns) error {
	namespaces := &corev1.NamespaceList{}
	if err := r.client.List(ctx, namespaces); err != nil {
		return err
	}
	var errs []error
	for _, namespace := range namespaces.Items {
		if namespace.DeletionTimestamp.IsZero() {
			errs = append(errs, r.ensureCreated(ctx, &rbacv1.RoleBinding{
				ObjectMeta: metav1.ObjectMeta{Namespace: namespace.Name, Name: namespaceAdmin},
				RoleRef:    accessRole(namespaceAdmin),
				Subjects:   groupSubject(NamespaceAdminGroup(namespace.Name)),
			}))
		}
	}
	return errors.Join(errs...)
}

// ensureCreated leaves an object that is there, and one whose namespace is on its way out.
func (r *Region) ensureCreated(ctx context.Context, object client.Object) error {
	err := r.direct.Create(ctx, object)
	if apierrors.IsAlreadyExists(err) || apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) || apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

func accessRole(name string) rbacv1.RoleRef {
	return rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name}
}

func groupSubject(name string) []rbacv1.Subject {
	return []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: name}}
}
