package aws

import (
	"encoding/json"
	"net/http"
	"strings"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const sessionPlaceholder = "{{SessionName}}"

// ClusterAccess tells what a role is inside a cluster; ok is false if it has no
// access entry. {{SessionName}} in the username is replaced, as EKS does.
type ClusterAccess = func(clusterName, roleARN string) (username string, groups []string, ok bool)

// TokenReviewHandler is the authentication webhook of the simulated EKS control
// planes: each points its kube-apiserver at /authenticate/<cluster>.
func (s *Server) TokenReviewHandler(clusterAccess ClusterAccess) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /authenticate/{cluster}", func(w http.ResponseWriter, r *http.Request) {
		var review authenticationv1.TokenReview
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&review); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		writeJSON(w, http.StatusOK, restJSONType, authenticationv1.TokenReview{
			TypeMeta: metav1.TypeMeta{APIVersion: authenticationv1.SchemeGroupVersion.String(), Kind: "TokenReview"},
			Status:   s.review(r.PathValue("cluster"), review.Spec, clusterAccess), //nolint:contextcheck // signs without calling anybody
		})
	})
	return mux
}

func (s *Server) review(cluster string, spec authenticationv1.TokenReviewSpec, access ClusterAccess) authenticationv1.TokenReviewStatus {
	identity, err := s.AuthenticateFor(cluster, spec.Token)
	if err != nil {
		return authenticationv1.TokenReviewStatus{Error: err.Error()}
	}
	username, groups, ok := access(cluster, identity.RoleARN)
	if !ok {
		return authenticationv1.TokenReviewStatus{Error: identity.RoleARN + " has no access entry in cluster " + cluster}
	}
	return authenticationv1.TokenReviewStatus{
		Authenticated: true,
		User: authenticationv1.UserInfo{
			Username: strings.ReplaceAll(username, sessionPlaceholder, identity.session()),
			UID:      "aws-iam-authenticator:" + identity.Account + ":" + identity.userID(),
			Groups:   groups,
			Extra: map[string]authenticationv1.ExtraValue{
				"arn":          {identity.ARN},
				"canonicalArn": {identity.RoleARN},
				"sessionName":  {identity.session()},
			},
		},
	}
}
